/** The name under which the microphone's worklet registers itself; shared by both sides, imports nothing. */
export const MIC_PROCESSOR = 'driftway-mic';
