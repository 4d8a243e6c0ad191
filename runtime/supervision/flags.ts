/**
 * Supervisor flags: checked before anything is started, each fault named by field and value. Pure.
 */
import { checkAutoShutdown, completeSpecs } from './child-spec.ts';
import { IntensityWindow } from './intensity.ts';
import { SpecError } from './spec-fault.ts';
import type {
  AutoShutdown,
  CompleteChildSpec,
  DynamicFlags,
  RestartLimit,
  SupervisorFlags,
} from './types.ts';

/** Elixir's defaults; OTP has 1 in 5 s. */
export const INTENSITY = 3;
export const PERIOD_S = 5;

export interface CompleteFlags {
  readonly strategy: NonNullable<SupervisorFlags['strategy']>;
  readonly autoShutdown: AutoShutdown;
  readonly window: IntensityWindow;
  readonly children: readonly CompleteChildSpec[];
}

export interface CompleteDynamicFlags {
  readonly autoShutdown: AutoShutdown;
  readonly window: IntensityWindow;
  readonly maxChildren: number;
  readonly extraArguments: readonly unknown[];
}

/** Checks the flags of a static supervisor and its children. Throws SpecError. */
export function completeFlags(given: SupervisorFlags): CompleteFlags {
  checkObject('supervisor', given);
  const { strategy = 'oneForOne', autoShutdown = 'never', children = [] } = given;
  if (strategy !== 'oneForOne' && strategy !== 'oneForAll' && strategy !== 'restForOne') {
    throw new SpecError('supervisor', 'strategy', strategy, 'oneForOne, oneForAll or restForOne');
  }
  checkAutoShutdown('supervisor', autoShutdown);
  const window = windowOf('supervisor', given);
  return { strategy, autoShutdown, window, children: completeSpecs(children, autoShutdown) };
}

/** Checks the flags of a dynamic supervisor. Throws SpecError. */
export function completeDynamicFlags(given: DynamicFlags): CompleteDynamicFlags {
  const of = 'dynamic supervisor';
  checkObject(of, given);
  const { strategy = 'oneForOne', autoShutdown = 'never' } = given;
  const { maxChildren = Number.POSITIVE_INFINITY, extraArguments = [] } = given;
  if (strategy !== 'oneForOne') throw new SpecError(of, 'strategy', strategy, 'oneForOne');
  checkAutoShutdown(of, autoShutdown);
  if (maxChildren !== Number.POSITIVE_INFINITY && !isWhole(maxChildren, 0)) {
    throw new SpecError(of, 'maxChildren', maxChildren, 'an integer >= 0 or Infinity');
  }
  if (!Array.isArray(extraArguments)) {
    throw new SpecError(of, 'extraArguments', extraArguments, 'a list');
  }
  return { autoShutdown, window: windowOf(of, given), maxChildren, extraArguments };
}

/** OTP's bad_return: an init that gives neither flags nor IGNORE. */
function checkObject(of: string, given: unknown): void {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return;
  throw new SpecError(of, 'flags', given, 'an object of flags or IGNORE', 'BadReturnValue');
}

function windowOf(of: string, given: RestartLimit): IntensityWindow {
  const { intensity = INTENSITY, period = PERIOD_S } = given;
  if (!isWhole(intensity, 0)) throw new SpecError(of, 'intensity', intensity, 'an integer >= 0');
  if (!isWhole(period, 1)) throw new SpecError(of, 'period', period, 'an integer > 0');
  return new IntensityWindow(intensity, period);
}

function isWhole(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least;
}
