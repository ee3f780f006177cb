/**
 * What the dialogs "From…" and "Send to…" have in common: how names that are
 * taken are treated, which files, how fast and when; and what would be done.
 */

import type { Dialog } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import type { TransferApi } from './api';
import { TransferError } from './api';
import { DryRun } from './dryrun';
import { DryRunView } from './dryrunview';
import { Endpoint, givenOfBoth } from './endpoint';
import { EndpointFields } from './endpointfields';
import { explain } from './errors';
import type { Format } from './format';
import type { IBackend, IFormOption, IJobRequest, OptionValue } from './job';
import { asRequested, jobOptions, syncOptions } from './joboptions';
import { Fields, Fold, given } from './optionfields';
import { Prober } from './prober';
import { Select } from './select';
import type { ConflictPolicy } from './uploads/tokens';

export interface IFormOptions {
  readonly api: Pick<
    TransferApi,
    | 'probe'
    | 'browse'
    | 'clone'
    | 'dryRun'
    | 'backends'
    | 'login'
    | 'remoteKinds'
  >;
  readonly format: Format;
  readonly conflict: ConflictPolicy;
  /** Addresses that were used before, the last one first. */
  readonly recent: readonly string[];
  /** Start a job. */
  readonly start: (request: IJobRequest) => Promise<unknown>;
}

/** `copy` leaves alone what only the destination has, `sync` removes it. */
type Manner = 'copy' | 'sync';

export abstract class TransferForm
  extends ReactWidget
  implements Dialog.IBodyWidget<readonly IJobRequest[]>
{
  constructor(protected readonly options: IFormOptions) {
    super();
    this.addClass('jp-TransfersFrom');
    this._backends = options.api.backends();
    this._conflict = options.conflict;
    this._dryRun = new DryRun(request => options.api.dryRun(request));
    this._dryRun.changed.connect(this.redraw, this);
  }

  /** Emitted after the form was drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._endpoints.forEach(endpoint => endpoint.dispose());
      Signal.clearData(this);
    }
    super.dispose();
  }

  /** The jobs that were filled in. */
  getValue(): readonly IJobRequest[] {
    return this.ends().map(ends => ({
      ...ends,
      ...(this.synchronises && { kind: 'sync' as const }),
      options: this._given()
    }));
  }

  async submit(): Promise<boolean> {
    try {
      const requests = this.getValue();
      const look = this._dryRun.resultOf(requests);
      const approve = look.state === 'known' ? look.approve : undefined;
      for (const request of requests) {
        const key = JSON.stringify(request);
        // Some may have been started before another was refused.
        if (!this._started.has(key)) {
          const { options } = request;
          await this.options.start(
            approve ? { ...request, options: { ...options, approve } } : request
          );
          this._started.add(key);
        }
      }
      return true;
    } catch (reason) {
      this._refusal = TransferError.from(reason);
      this.update();
      return false;
    }
  }

  /** Source, destination and kind of each job, as long as it is no sync. */
  protected abstract ends(): readonly Required<
    Pick<IJobRequest, 'source' | 'destination' | 'kind'>
  >[];

  /** The services that take part: the source's before the destination's. */
  protected abstract services(): readonly Endpoint[];

  /** The fields for both ends. */
  protected abstract renderEnds(): JSX.Element;

  /** The service that files are put at; null for this server. */
  protected abstract get target(): Endpoint | null;

  /** Whether there can be several files, which the destination may have to equal. */
  protected abstract get mayBeMany(): boolean;

  /** Whether something of the same name may stand at the destination. */
  protected get namesMayBeTaken(): boolean {
    return true;
  }

  /** Options that the form itself has fields for. */
  protected get ownOptions(): Record<string, unknown> {
    return {};
  }

  /** Whether there is enough to ask what would be done. */
  protected get isComplete(): boolean {
    return this.services().every(({ result }) => result.state !== 'empty');
  }

  /** Whether the destination can be made equal to the source. */
  protected get canSync(): boolean {
    return this.mayBeMany && (this.target?.can('delete') ?? true);
  }

  protected get synchronises(): boolean {
    return this.canSync && this._manner === 'sync';
  }

  /**
   * A service, which the form now follows.
   *
   * @param addressIn - See `IEndpointOptions`.
   */
  protected endpoint(
    address: string,
    writes: boolean,
    addressIn?: (folder: string) => string
  ): Endpoint {
    const { api, format, recent } = this.options;
    const endpoint = new Endpoint({
      prober: new Prober((url, options) => api.probe(url, options)),
      browse: (url, options) => api.browse(url, options),
      backends: this._backends,
      locale: format.locale,
      ...{ address, recent, writes, addressIn }
    });
    endpoint.changed.connect(this.redraw, this);
    this._endpoints.push(endpoint);
    return endpoint;
  }

  /**
   * The fields of a service.
   *
   * @param hidden - Options that have fields elsewhere.
   */
  protected renderEndpoint(
    endpoint: Endpoint,
    label: string,
    hidden?: ReadonlySet<string>
  ): JSX.Element {
    const { api, format, recent } = this.options;
    return (
      <EndpointFields
        endpoint={endpoint}
        label={label}
        hidden={hidden}
        recent={recent}
        remoteKinds={() => api.remoteKinds()}
        api={api}
        format={format}
      />
    );
  }

  protected redraw(): void {
    this.update();
  }

  protected onUpdateRequest(msg: Message): void {
    super.onUpdateRequest(msg);
    void this.renderPromise?.then(() => this._changed.emit());
  }

  protected render(): JSX.Element {
    const { format } = this.options;
    const { trans } = format;
    const requests = this.getValue();
    return (
      <>
        {this.renderEnds()}
        {this.canSync && this._renderManner()}
        {this.synchronises ? (
          <Fields
            options={this._syncOptions()}
            values={this._values}
            format={format}
            onChange={this._onOption}
          />
        ) : (
          this.namesMayBeTaken && this._renderConflict()
        )}
        <Fold title={trans.__('Which files, how fast, when')}>
          <Fields
            options={jobOptions(format)}
            values={this._values}
            format={format}
            onChange={this._onOption}
          />
        </Fold>
        <DryRunView
          result={this._dryRun.resultOf(requests)}
          disabled={!this.isComplete}
          format={format}
          onLook={() => void this._dryRun.look(this.getValue())}
        />
        {this._refusal ? (
          <p className="jp-TransfersFound-error" role="alert">
            {format.sentences(
              explain(this._refusal, format).what,
              explain(this._refusal, format).remedy
            )}
          </p>
        ) : (
          <p className="jp-TransfersFrom-hint">
            {trans.__('It goes on when this tab is closed.')}
          </p>
        )}
      </>
    );
  }

  private _renderManner(): JSX.Element {
    const { trans } = this.options.format;
    return (
      <>
        <label>
          <span>{trans.__('What to do')}</span>
          <Select
            value={this._manner}
            choices={[
              { value: 'copy', label: trans.__('Copy') },
              {
                value: 'sync',
                label: trans.__('Synchronise (make the destination equal)')
              }
            ]}
            onChange={manner => {
              this._manner = manner as Manner;
              this.update();
            }}
          />
        </label>
        {this.synchronises && (
          <p className="jp-TransfersFrom-hint">
            {trans.__(
              'Files that the source does not have are deleted at the destination. You see which, and are asked before.'
            )}
          </p>
        )}
      </>
    );
  }

  private _renderConflict(): JSX.Element {
    const { trans } = this.options.format;
    return (
      <label>
        <span>{trans.__('If the name is taken')}</span>
        <Select
          value={this._conflict}
          choices={[
            { value: 'rename', label: trans.__('Keep both') },
            { value: 'overwrite', label: trans.__('Replace') },
            { value: 'skip', label: trans.__('Skip') }
          ]}
          onChange={conflict => {
            this._conflict = conflict as ConflictPolicy;
            this.update();
          }}
        />
      </label>
    );
  }

  private _syncOptions(): readonly IFormOption[] {
    // What is moved at a service is copied and deleted there.
    const keepsTrash = this.target?.can('copy') ?? true;
    return syncOptions(this.options.format, keepsTrash);
  }

  private _given(): Record<string, unknown> {
    const { format } = this.options;
    const [first, second] = this.services();
    const ofServices = second
      ? givenOfBoth(first, second, format)
      : first?.given;
    const own = asRequested(given(jobOptions(format), this._values));
    return this.synchronises
      ? { ...ofServices, ...own, ...given(this._syncOptions(), this._values) }
      : {
          ...ofServices,
          ...own,
          ...this.ownOptions,
          ...(this.namesMayBeTaken && { conflict: this._conflict })
        };
  }

  private _onOption = (name: string, value: OptionValue): void => {
    this._values = { ...this._values, [name]: value };
    this.update();
  };

  private _backends: Promise<readonly IBackend[]>;
  private _changed = new Signal<this, void>(this);
  private _conflict: ConflictPolicy;
  private _dryRun: DryRun;
  private _endpoints: Endpoint[] = [];
  private _manner: Manner = 'copy';
  private _refusal: TransferError | null = null;
  private _started = new Set<string>();
  private _values: Readonly<Record<string, OptionValue>> = {};
}
