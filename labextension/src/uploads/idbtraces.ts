import type { ITrace, ITraceStore } from './trace';

const DATABASE = 'jupyter-transfer';
const TRACES = 'uploads';

/**
 * Traces in the browser's IndexedDB, which alone can keep file handles. Where
 * there is none (private windows, no room), nothing is kept, and nothing fails.
 */
export class IdbTraces implements ITraceStore {
  async all(): Promise<ITrace[]> {
    return (await this._run('readonly', store => store.getAll())) ?? [];
  }

  async put(trace: ITrace): Promise<void> {
    await this._run('readwrite', store => store.put(trace));
  }

  async delete(id: string): Promise<void> {
    await this._run('readwrite', store => store.delete(id));
  }

  private async _run<T>(
    mode: IDBTransactionMode,
    act: (store: IDBObjectStore) => IDBRequest<T>
  ): Promise<T | null> {
    try {
      this._database ??= open();
      const database = await this._database;
      const store = database.transaction(TRACES, mode).objectStore(TRACES);
      return await settled(act(store));
    } catch {
      return null;
    }
  }

  private _database: Promise<IDBDatabase> | null = null;
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(TRACES, { keyPath: 'id' });
  };
  return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
