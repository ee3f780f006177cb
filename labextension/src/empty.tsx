/**
 * What the panel shows before anything was ever transferred: how to begin.
 */

import {
  Button,
  fileIcon,
  fileUploadIcon,
  linkIcon
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import type { Format } from './format';
import { folderUploadIcon } from './icons';
import { CommandIDs } from './ids';

export function Empty(props: {
  format: Format;
  commands: CommandRegistry;
}): JSX.Element {
  const { commands } = props;
  const { trans } = props.format;
  const buttons = [
    {
      icon: fileUploadIcon,
      label: trans.__('Upload files'),
      command: CommandIDs.uploadFiles
    },
    {
      icon: folderUploadIcon,
      label: trans.__('Upload a folder'),
      command: CommandIDs.uploadFolder
    },
    {
      icon: linkIcon,
      label: trans.__('From an address…'),
      command: CommandIDs.fromAddress
    },
    {
      icon: fileIcon,
      label: trans.__('From a file…'),
      command: CommandIDs.fromFile
    }
  ];
  return (
    <div className="jp-TransfersEmpty">
      <p>
        {trans.__(
          'Move files between this computer, the server and the web. Every transfer goes on where it stopped.'
        )}
      </p>
      {buttons.map(({ icon: Icon, label, command }) => (
        <Button
          key={command}
          className="jp-TransfersEmpty-button jp-TransfersOutlined"
          onClick={() => void commands.execute(command)}
        >
          <Icon.react tag="span" />
          {label}
        </Button>
      ))}
      <p className="jp-TransfersEmpty-hint">
        {trans.__('Or drop files and folders here.')}
      </p>
    </div>
  );
}
