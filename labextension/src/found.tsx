/**
 * What stands at an address, as the server sees it.
 */

import * as React from 'react';
import { About } from './about';
import { doubtText } from './doubts';
import { explain } from './errors';
import type { Format } from './format';
import type { IProbe } from './job';
import type { IProbeResult } from './prober';
import type { ITransferErrorData } from './uploads/tokens';

interface IFoundProps {
  result: IProbeResult;
  /** Whether files are to be put there. */
  writes: boolean;
  /** Whether the service answers, and nothing is there yet. */
  vacant: boolean;
  format: Format;
  /** The person vouches for a host whose key has this fingerprint. */
  onTrust: (fingerprint: string) => void;
}

export function Found(props: IFoundProps): JSX.Element {
  return (
    <div className="jp-TransfersFound" role="status">
      {content(props)}
    </div>
  );
}

function content(props: IFoundProps): JSX.Element {
  const { result, writes, vacant, format, onTrust } = props;
  const { trans } = format;
  if (vacant) {
    return <p>{trans.__('The service answers; no file is found there.')}</p>;
  }
  switch (result.state) {
    case 'empty':
      return (
        <p className="jp-TransfersFound-hint">
          {writes
            ? trans.__('Whether it can be reached is shown here.')
            : trans.__('What is there is shown here before anything is moved.')}
        </p>
      );
    case 'looking':
      return (
        <p className="jp-TransfersFound-hint">
          {trans.__('Looking at the address…')}
        </p>
      );
    case 'failed': {
      const { what, remedy } = explain(result.error, format);
      return (
        <div className="jp-TransfersFound-error">
          <p>{what}</p>
          <p>{remedy}</p>
        </div>
      );
    }
    case 'found':
      return result.probe.needs === 'decision' ? (
        <HostKey probe={result.probe} format={format} onTrust={onTrust} />
      ) : (
        <ProbeFacts probe={result.probe} writes={writes} format={format} />
      );
  }
}

/** A host that is not known yet: its key, and the button that accepts it. */
function HostKey(props: {
  probe: IProbe;
  format: Format;
  onTrust: (fingerprint: string) => void;
}): JSX.Element {
  const { detail } = props.probe;
  const { trans } = props.format;
  const fingerprint = String(detail?.fingerprint ?? '');
  return (
    <>
      <p>
        {trans.__('The host %1 is not known yet.', String(detail?.host ?? ''))}{' '}
        {trans.__('Compare the fingerprint of its key with its owner’s.')}
      </p>
      <p className="jp-TransfersFound-key">{fingerprint}</p>
      <button
        type="button"
        className="jp-mod-styled jp-TransfersFound-trust"
        onClick={() => props.onTrust(fingerprint)}
      >
        {trans.__('Trust This Host')}
      </button>
    </>
  );
}

function ProbeFacts(props: {
  probe: IProbe;
  writes: boolean;
  format: Format;
}): JSX.Element {
  const { probe, writes, format } = props;
  const { trans } = format;
  const asks = explain(asksWho(probe), format);
  const facts = [probe.backend.toUpperCase()];
  if (probe.about?.lfs) {
    facts.push('LFS');
  }
  if (probe.files !== null && probe.files > 1) {
    facts.push(trans.__('%1 files', format.count(probe.files)));
  }
  facts.push(
    probe.bytes === null ? trans.__('size unknown') : format.bytes(probe.bytes)
  );
  const tooBig =
    !writes &&
    probe.bytes !== null &&
    probe.free_bytes !== null &&
    probe.bytes > probe.free_bytes;
  return (
    <>
      <p className="jp-TransfersFound-title" title={probe.title}>
        {probe.title}
      </p>
      <p className="jp-TransfersFacts">
        {facts.map(fact => (
          <span key={fact}>{fact}</span>
        ))}
      </p>
      <About about={probe.about ?? {}} format={format} />
      {writes && probe.needs === null && (
        <p>{trans.__('This is there already.')}</p>
      )}
      {!writes && <Promises probe={probe} format={format} />}
      {probe.needs !== null && (
        <p className="jp-TransfersFound-error">
          {format.sentences(asks.what, asks.remedy)}
        </p>
      )}
      {tooBig && (
        <p className="jp-TransfersFound-error">
          {trans.__(
            'Free %1 or choose another folder.',
            format.bytes(probe.bytes! - probe.free_bytes!)
          )}
        </p>
      )}
    </>
  );
}

/** What a job would say that lacks what `probe` lacks. */
function asksWho(probe: IProbe): ITransferErrorData {
  return {
    code: 'needs_credentials',
    message: '',
    remedy: '',
    retryable: false,
    detail: { ...probe.detail }
  };
}

/** What can be said of a fetch beforehand. */
function Promises(props: { probe: IProbe; format: Format }): JSX.Element {
  const { probe, format } = props;
  const { trans } = format;
  return (
    <p className="jp-TransfersFacts">
      <span>
        {probe.resumable
          ? trans.__('can be resumed')
          : trans.__('cannot be resumed')}
      </span>
      {probe.verifiable ? (
        <span>{trans.__('can be verified')}</span>
      ) : (
        <span title={doubtText(probe.unverified, trans)}>
          {probe.unverified === 'unknown'
            ? trans.__('verified where it can be')
            : trans.__('not verifiable')}
        </span>
      )}
      {probe.free_bytes !== null && (
        <span>{trans.__('%1 free', format.bytes(probe.free_bytes))}</span>
      )}
    </p>
  );
}
