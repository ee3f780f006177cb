import type { ITrace, ITraceStore } from '../trace';

/** Traces that outlive an uploader, as IndexedDB outlives a page. */
export class MemoryTraces implements ITraceStore {
  readonly traces = new Map<string, ITrace>();

  async all(): Promise<ITrace[]> {
    return [...this.traces.values()];
  }

  async put(trace: ITrace): Promise<void> {
    this.traces.set(trace.id, trace);
  }

  async delete(id: string): Promise<void> {
    this.traces.delete(id);
  }
}
