// What players are called.

/** What a player is called, also before a name has arrived. */
export function displayName({ player, name }) {
  return name || (player.startsWith('dst:') ? `${player.slice(4)} defence` : player);
}

/** "NE · QB". */
export function metaText(player) {
  return [player.team, positionOf(player)].filter(Boolean).join(' · ');
}

/** `DST` for a team's defence, '' where nobody knows. */
export function positionOf({ player, position }) {
  return player.startsWith('dst:') ? 'DST' : position ?? '';
}
