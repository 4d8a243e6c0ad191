/**
 * Checks of GET /health. Types only.
 */
import type { HealthStatus } from '../gateway/index.ts';

/** One check of the report. */
export interface HealthCheck {
  readonly status: HealthStatus;
  readonly detail?: string;
}

export type HealthChecks = Readonly<Record<string, HealthCheck>>;
