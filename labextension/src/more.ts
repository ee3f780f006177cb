/**
 * The "…" of the panel's toolbar: what is needed now and then.
 */

import { ellipsesIcon, ToolbarButton } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';
import type { Format } from './format';
import { CommandIDs } from './ids';

export function moreButton(
  commands: CommandRegistry,
  format: Format
): ToolbarButton {
  const { trans } = format;
  const menu = new Menu({ commands });
  [
    CommandIDs.resumeAll,
    CommandIDs.pauseAll,
    CommandIDs.clearFinished,
    CommandIDs.openSettings
  ].forEach(command => menu.addItem({ command }));
  const button = new ToolbarButton({
    icon: ellipsesIcon,
    tooltip: trans.__('More actions'),
    onClick: () => {
      const { left, bottom } = button.node.getBoundingClientRect();
      menu.open(left, bottom);
    }
  });
  button.disposed.connect(() => menu.dispose());
  return button;
}
