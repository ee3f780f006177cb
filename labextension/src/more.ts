/**
 * The "…" of the panel's toolbar: what is needed now and then.
 */

import {
  addToolbarButtonClass,
  ellipsesIcon,
  ReactWidget,
  ToolbarButtonComponent
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { Menu, type Widget } from '@lumino/widgets';
import * as React from 'react';
import type { Format } from './format';
import { CommandIDs } from './ids';

export function moreButton(commands: CommandRegistry, format: Format): Widget {
  const { trans } = format;
  const menu = new Menu({ commands });
  [
    CommandIDs.fromFile,
    CommandIDs.pauseAll,
    CommandIDs.resumeAll,
    CommandIDs.clearFinished,
    CommandIDs.showLeftovers,
    CommandIDs.openSettings
  ].forEach(command => menu.addItem({ command }));
  const onClick = () => {
    const { left, bottom } = button.node.getBoundingClientRect();
    menu.open(left, bottom);
  };
  // A ToolbarButton would claim to be a switch that is off (aria-pressed).
  const button = addToolbarButtonClass(
    ReactWidget.create(
      React.createElement(ToolbarButtonComponent, {
        icon: ellipsesIcon,
        tooltip: trans.__('More actions'),
        'aria-haspopup': 'menu',
        onClick
      })
    )
  );
  button.disposed.connect(() => menu.dispose());
  return button;
}
