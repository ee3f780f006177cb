/**
 * One transfer in the list: what it is, where it stands, what can be done.
 */

import {
  Button,
  checkIcon,
  closeIcon,
  downloadIcon,
  ellipsesIcon,
  fileUploadIcon,
  folderIcon,
  type LabIcon,
  runIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';
import { explain, isUnknownHost } from './errors';
import { Numbers, Renamed, Verdict, When } from './facts';
import type { Format } from './format';
import { fetchIcon, pauseIcon, sendIcon, transfersIcon } from './icons';
import { CommandIDs } from './ids';
import { splitName } from './names';
import { Progress } from './progress';
import { signInFor } from './signin';
import type { ITransfer } from './transfer';
import { fractionOf, isMoving, isOver } from './transfer';
import { destinationText, numberTexts, progressText, stateText } from './words';

export interface IRowProps {
  readonly transfer: ITransfer;
  readonly format: Format;
  /** Whether the Tab key stops at this row. */
  readonly current: boolean;
  /** Run a command on a row. Always the same function, or every row is drawn at each change. */
  readonly run: (command: string, key: string) => void;
}

/** What the parts of a row need; `run` knows the row. */
interface IPartProps {
  readonly transfer: ITransfer;
  readonly format: Format;
  readonly run: (command: string) => void;
}

/** Drawn anew only when the transfer has changed: a history is long. */
export const TransferRow = React.memo(function TransferRow(
  props: IRowProps
): JSX.Element {
  const { transfer, format, current } = props;
  const run = (command: string) => props.run(command, transfer.key);
  const over = isOver(transfer);
  const barred = !over && transfer.phase !== 'waiting';
  const Icon = iconOf(transfer);
  const { head, tail } = splitName(transfer.name);
  const numbers = numberTexts(transfer, format);
  return (
    <li
      className="jp-TransfersRow"
      data-transfer-key={transfer.key}
      data-phase={transfer.phase}
      tabIndex={current ? 0 : -1}
      onDoubleClick={() => run(CommandIDs.open)}
    >
      <Icon.react tag="span" className="jp-TransfersRow-icon" />
      <div className="jp-TransfersRow-main">
        <div className="jp-TransfersRow-top">
          <span
            className="jp-TransfersRow-name"
            title={transfer.source || transfer.name}
          >
            <span className="jp-TransfersRow-nameHead">{head}</span>
            <span className="jp-TransfersRow-nameTail">{tail}</span>
          </span>
          <Actions transfer={transfer} format={format} run={run} />
        </div>
        <div className="jp-TransfersRow-line jp-TransfersFacts">
          <span className="jp-TransfersRow-state">
            {stateText(transfer, format)}
          </span>
          {!over && <span>{destinationText(transfer, format)}</span>}
          {!barred && <Numbers texts={numbers} />}
          {over && <Renamed transfer={transfer} format={format} />}
          {over && <Verdict transfer={transfer} format={format} />}
          {over && <When transfer={transfer} format={format} />}
        </div>
        {barred && (
          <Progress
            fraction={fractionOf(transfer)}
            moving={isMoving(transfer)}
            label={format.trans.__('Progress of %1', transfer.name)}
            text={progressText(transfer, format)}
          />
        )}
        {barred && numbers.length > 0 && (
          <div className="jp-TransfersRow-line jp-TransfersFacts">
            <Numbers texts={numbers} />
          </div>
        )}
        {transfer.remark && (
          <p className="jp-TransfersRow-remark">
            {explain(transfer.remark, format).what}
          </p>
        )}
        <Trouble transfer={transfer} format={format} run={run} />
      </div>
    </li>
  );
});

/** What went wrong, and the button that mends it. */
function Trouble(props: IPartProps): JSX.Element | null {
  const { transfer, format, run } = props;
  const { error, can } = transfer;
  if (!error) {
    return null;
  }
  const { trans } = format;
  const { what, remedy } = explain(error, format);
  const button = can.review
    ? { label: trans.__('Review…'), command: CommandIDs.review }
    : can.approve
      ? {
          label: isUnknownHost(error)
            ? trans.__('Trust This Host')
            : trans.__('Approve'),
          command: CommandIDs.approve
        }
      : can.authenticate
        ? {
            label: signInFor(error)
              ? trans.__('Sign In…')
              : trans.__('Enter Credentials…'),
            command: CommandIDs.authenticate
          }
        : can.retry
          ? { label: retryLabel(transfer, format), command: CommandIDs.retry }
          : null;
  return (
    <div className="jp-TransfersRow-trouble">
      <p>{what}</p>
      {transfer.phase !== 'retrying' && remedy && (
        <p className="jp-TransfersRow-remedy">{remedy}</p>
      )}
      {button && (
        <Button
          small
          className="jp-TransfersRow-mend jp-TransfersOutlined"
          aria-label={trans.__('%1: %2', button.label, transfer.name)}
          onClick={() => run(button.command)}
        >
          {button.label}
        </Button>
      )}
      {transfer.filesFailed > 0 && (transfer.filesTotal ?? 0) > 1 && (
        <Button
          small
          className="jp-TransfersRow-mend jp-TransfersOutlined"
          aria-label={trans.__('Show the files of %1', transfer.name)}
          onClick={() => run(CommandIDs.showFiles)}
        >
          {trans.__('Show Files…')}
        </Button>
      )}
    </div>
  );
}

function retryLabel(transfer: ITransfer, format: Format): string {
  const { trans } = format;
  if (transfer.phase === 'retrying') {
    return trans.__('Retry now');
  }
  const code = transfer.error?.code ?? '';
  if (code === 'scheduled') {
    return trans.__('Start Now');
  }
  if (code === 'needs_browser') {
    const { canReopen, isFolder } = transfer.error?.detail ?? {};
    if (canReopen) {
      return trans.__('Go on');
    }
    return isFolder
      ? trans.__('Choose the folder…')
      : trans.__('Choose the file…');
  }
  return ['remote_changed', 'changed', 'gone'].includes(code)
    ? trans.__('Start again')
    : trans.__('Try again');
}

function Actions(props: IPartProps): JSX.Element {
  const { transfer, format, run } = props;
  const { trans } = format;
  const { can, name } = transfer;
  return (
    <span className="jp-TransfersRow-actions">
      {can.pause && (
        <Action
          icon={pauseIcon}
          title={trans.__('Pause')}
          label={trans.__('Pause %1', name)}
          onClick={() => run(CommandIDs.pause)}
        />
      )}
      {can.resume && (
        <Action
          icon={runIcon}
          title={trans.__('Resume')}
          label={trans.__('Resume %1', name)}
          onClick={() => run(CommandIDs.resume)}
        />
      )}
      {can.cancel && (
        <Action
          icon={closeIcon}
          title={trans.__('Cancel')}
          label={trans.__('Cancel %1', name)}
          onClick={() => run(CommandIDs.cancel)}
        />
      )}
      {transfer.phase === 'done' && transfer.arrived && (
        <Action
          icon={folderIcon}
          title={trans.__('Show in File Browser')}
          label={trans.__('Show %1 in the file browser', name)}
          onClick={() => run(CommandIDs.reveal)}
        />
      )}
      {can.remove && (
        <Action
          icon={closeIcon}
          title={trans.__('Remove from the list')}
          label={trans.__('Remove %1 from the list', name)}
          onClick={() => run(CommandIDs.remove)}
        />
      )}
      <Action
        icon={ellipsesIcon}
        title={trans.__('More actions')}
        label={trans.__('More actions for %1', name)}
        popup
        onClick={openMenu}
      />
    </span>
  );
}

function Action(props: {
  icon: LabIcon;
  title: string;
  label: string;
  popup?: boolean;
  onClick: (event: React.MouseEvent<HTMLElement>) => void;
}): JSX.Element {
  const { icon: Icon, title, label, popup, onClick } = props;
  return (
    <Button
      minimal
      small
      className="jp-TransfersRow-action"
      title={title}
      aria-label={label}
      aria-haspopup={popup ? 'menu' : undefined}
      onClick={onClick}
      onDoubleClick={event => event.stopPropagation()}
    >
      <Icon.react tag="span" />
    </Button>
  );
}

/** The context menu holds all acts; the button opens it where the button is. */
function openMenu(event: React.MouseEvent<HTMLElement>): void {
  const { left, bottom } = event.currentTarget.getBoundingClientRect();
  event.currentTarget.dispatchEvent(
    new MouseEvent('contextmenu', {
      bubbles: true,
      cancelable: true,
      view: window,
      clientX: left,
      clientY: bottom
    })
  );
}

function iconOf(transfer: ITransfer): LabIcon {
  if (transfer.phase === 'done') {
    return checkIcon;
  }
  switch (transfer.kind) {
    case 'upload':
      return fileUploadIcon;
    case 'download':
      return downloadIcon;
    case 'fetch':
      return fetchIcon;
    case 'send':
      return sendIcon;
    case 'extract':
    case 'pack':
      return folderIcon;
    default:
      return transfersIcon;
  }
}
