/**
 * A job that the kernel of a notebook moves, asked for by a comm: whether the
 * kernel still holds it, and what it shall do with it.
 *
 * See `jupyter_transfer/cells/buttons.py`.
 */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import type { Widget } from '@lumino/widgets';

const TARGET = 'jupyter_transfer';

export type KernelAction = 'pause' | 'resume' | 'cancel';

export class KernelJob implements IDisposable {
  /** `changed` is called when the kernel has answered. */
  constructor(
    private readonly _kernel: Kernel.IKernelConnection,
    readonly id: string,
    changed: () => void
  ) {
    const comm = _kernel.createComm(TARGET);
    this._comm = comm;
    comm.onMsg = ({ content }) => {
      this._holds = content.data.holds === true;
      changed();
    };
    comm.onClose = () => {
      this._holds = false;
      changed();
    };
    void this._open();
  }

  get isDisposed(): boolean {
    return this._comm.isDisposed;
  }

  /** Whether the kernel has said that it can do something with the job. */
  get holds(): boolean {
    return this._holds && !this.isDisposed;
  }

  act(action: KernelAction): void {
    void this._comm.send({ action }).done.catch(() => undefined);
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._comm.onClose = () => undefined;
    if (this._kernel.connectionStatus === 'connected') {
      void this._comm.close().done.catch(() => undefined);
    } else {
      this._comm.dispose();
    }
  }

  /** A subshell answers while a cell waits for the job. */
  private async _open(): Promise<void> {
    try {
      await this._kernel.info;
      if (this._kernel.supportsSubshells) {
        await (this._comm as IMaybeOnSubshell).subshellStarted;
      }
    } catch {
      // The kernel answers between two cells, then.
    }
    if (!this.isDisposed && !this._kernel.isDisposed) {
      await this._comm.open({ id: this.id }).done.catch(() => undefined);
    }
  }

  private _comm: Kernel.IComm;
  private _holds = false;
}

/** The kernel of the notebook or console that `widget` is in. */
export function kernelOf(widget: Widget): Kernel.IKernelConnection | null {
  for (let one: Widget | null = widget; one; one = one.parent) {
    const { sessionContext } = one as Partial<IHasKernel>;
    if (sessionContext) {
      const kernel = sessionContext.session?.kernel;
      return kernel?.handleComms ? kernel : null;
    }
  }
  return null;
}

/** What JupyterLab's own comm has beside its interface. */
interface IMaybeOnSubshell extends Kernel.IComm {
  readonly subshellStarted?: Promise<void>;
}

interface IHasKernel {
  readonly sessionContext: ISessionContext;
}
