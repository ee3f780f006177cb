import type { BegunParcels } from './begunparcels';
import type { UploadState } from './tokens';

/** How a batch as a whole stands; what is under way says the rest. */
export type Phase = 'open' | 'paused' | 'ended' | 'cancelled';

/** What the state of a batch follows from. */
export interface IBatchFacts {
  readonly phase: Phase;
  /** Whether something stopped all of it, not one file. */
  readonly isHalted: boolean;
  readonly filesTotal: number;
  readonly filesFailed: number;
  readonly filesSkipped: number;
  /** How much waits for a connection. */
  readonly waiting: number;
  readonly parcels: BegunParcels;
}

/** The state that a batch shows. */
export function stateOf(facts: IBatchFacts): UploadState {
  switch (facts.phase) {
    case 'ended':
      return endState(facts);
    case 'open':
      return openState(facts);
    default:
      return facts.phase;
  }
}

function openState({ parcels, waiting }: IBatchFacts): UploadState {
  const active = [...parcels.deliveries];
  if (active.length === 0) {
    return 'queued';
  }
  if (parcels.wait !== null) {
    return 'retrying';
  }
  const isSent = waiting === 0 && active.every(each => each.isChecking);
  return isSent ? 'checking' : 'running';
}

function endState(facts: IBatchFacts): UploadState {
  const { isHalted, filesFailed, filesSkipped, filesTotal } = facts;
  if (isHalted || filesFailed > 0) {
    return 'failed';
  }
  return filesTotal > 0 && filesSkipped === filesTotal ? 'skipped' : 'done';
}
