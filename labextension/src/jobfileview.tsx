/**
 * What a file of transfers describes: each transfer with what hinders it, the
 * folders of claims, and the values that it refers to and nobody found.
 */

import * as React from 'react';
import type { TransferError } from './api';
import { explain } from './errors';
import type { Format } from './format';
import type { IPlannedTransfer } from './job';
import type { JobFile } from './jobfile';
import { TextInput } from './textinput';
import type { ITransferErrorData } from './uploads/tokens';

interface IProps {
  readonly file: JobFile;
  readonly format: Format;
}

export function FileTransfers(
  props: IProps & { readonly refusal: TransferError | null }
): JSX.Element {
  const { file, refusal, format } = props;
  const { trans } = format;
  const { result } = file;
  return (
    <>
      <div className="jp-TransfersFound" role="status">
        {result.state === 'empty' && (
          <p className="jp-TransfersFound-hint">
            {trans.__(
              'DataCubes (tensorstack.dev/v1beta1), or transfers in our own form. Nothing is moved before you start it.'
            )}
          </p>
        )}
        {result.state === 'looking' && (
          <p className="jp-TransfersFound-hint">
            {trans.__('Reading the file…')}
          </p>
        )}
        {result.state === 'failed' && (
          <Problem error={result.error} format={format} />
        )}
        {result.state === 'known' && (
          <>
            <p className="jp-TransfersFound-title">
              {trans._n(
                'One transfer',
                '%2 transfers',
                result.transfers.length,
                format.count(result.transfers.length)
              )}
            </p>
            <ul
              className="jp-TransfersFile-list"
              tabIndex={0}
              aria-label={trans.__('Transfers of the file')}
            >
              {result.transfers.map((transfer, index) => (
                <Item key={index} transfer={transfer} format={format} />
              ))}
            </ul>
          </>
        )}
      </div>
      <Claims file={file} format={format} />
      <Values file={file} format={format} />
      {refusal ? (
        <Problem error={refusal} format={format} />
      ) : (
        <p className="jp-TransfersFrom-hint">
          {trans.__('It goes on when this tab is closed.')}
        </p>
      )}
    </>
  );
}

function Item(props: {
  transfer: IPlannedTransfer;
  format: Format;
}): JSX.Element {
  const { transfer, format } = props;
  const { trans } = format;
  const { name, job, ignored, error } = transfer;
  return (
    <li>
      <strong>{name}</strong>
      {job && (
        <span className="jp-TransfersFile-ends">
          <bdi>{job.source}</bdi>
          {' → '}
          <bdi>{job.destination || '/'}</bdi>
          {job.kind === 'sync' &&
            ` (${trans.__('what the source lacks is deleted, after a yes')})`}
        </span>
      )}
      {ignored.map(each => (
        <span key={each} className="jp-TransfersFound-hint">
          {trans.__('“%1” is ignored: it has no meaning here.', each)}
        </span>
      ))}
      {error && <Problem error={error} format={format} />}
    </li>
  );
}

/** Outside of English the words of the server follow: they name the field. */
function Problem(props: {
  error: ITransferErrorData;
  format: Format;
}): JSX.Element {
  const { error, format } = props;
  const { trans } = format;
  const claim = error.detail?.['claim'];
  const { what, remedy } =
    typeof claim === 'string'
      ? {
          what: trans.__('Which folder is the claim %1?', claim),
          remedy: trans.__('Name it below.')
        }
      : explain(error, format);
  const more = !what.includes(error.message) && typeof claim !== 'string';
  return (
    <p className="jp-TransfersFound-error" role="alert">
      {format.sentences(what, remedy)}
      {more && error.message && (
        <>
          <br />
          <span lang="en">{error.message}</span>
        </>
      )}
    </p>
  );
}

function Claims({ file, format }: IProps): JSX.Element {
  return (
    <>
      {file.claims.map(claim => (
        <label key={claim}>
          <span>{format.trans.__('Folder of the claim %1', claim)}</span>
          <TextInput
            value={file.folderOf(claim)}
            placeholder="/"
            onChange={folder => file.setFolder(claim, folder)}
          />
        </label>
      ))}
    </>
  );
}

function Values({ file, format }: IProps): JSX.Element | null {
  const { trans } = format;
  if (!file.missing.length) {
    return null;
  }
  return (
    <>
      <p className="jp-TransfersFrom-hint">
        {trans.__(
          'These values were not found on the server. What you enter is kept in its memory only.'
        )}
      </p>
      {file.missing.map(path => (
        <label key={path}>
          <span>{valueLabel(path, format)}</span>
          <TextInput
            type="password"
            autoComplete="new-password"
            value={file.valueOf(path)}
            onChange={value => file.setValue(path, value)}
          />
        </label>
      ))}
    </>
  );
}

/** `secret/NAME/KEY` or `configMap/NAME/KEY` in words. */
function valueLabel(path: string, format: Format): string {
  const [kind, name, key] = path.split('/');
  return kind === 'secret'
    ? format.trans.__('%2 of the secret %1', name, key)
    : format.trans.__('%2 of the config map %1', name, key);
}
