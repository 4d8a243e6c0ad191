/** The wire of the admin socket, for the gateway, the main thread, the command line and tests. Exports only. */
export { type AdminFrame, type DecodedAdmin, decodeAdmin, encodeAdmin } from './codec.ts';
export {
  type AdminHello,
  type AdminRequest,
  errFrame,
  eventFrame,
  helloFrame,
  okFrame,
  parseAdminRequest,
} from './frames.ts';
export {
  ADMIN_SUBPROTOCOL,
  AdminClose,
  type AdminEncoding,
  AdminLimits,
  AdminOp,
  selectAdminEncoding,
} from './ops.ts';
export type { FrameFault } from './unpack.ts';
