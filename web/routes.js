// What the address says: which view, a shared team, a token, and whether this is a talk.
//
//   #slate · #team · #contests · #leaders · #pulse · #team=1,c,draftkings,ID,… · #contests=1,CONTEST,ENTRY,…
//   and  &token=TOKEN  after any of them
//   ?demo
//
// What follows the # is in no request, and so in no log of a server or a proxy.

export const VIEWS = ['slate', 'team', 'contests', 'leaders', 'pulse'];

/** `{view, team, entries, token}` of what follows the #; `team` is the code of a shared team, or null, `entries` that of shared entries. */
export function parseHash(hash) {
  const route = { view: VIEWS[0], team: null, entries: null, token: null };
  for (const part of hash.replace(/^#/, '').split('&')) {
    const at = part.indexOf('=');
    const [name, value] = at < 0 ? [part, null] : [part.slice(0, at), part.slice(at + 1)];
    if (name === 'token' && value) route.token = decoded(value);
    else if (VIEWS.includes(name)) {
      route.view = name;
      if (name === 'team' && value) route.team = value;
      if (name === 'contests' && value) route.entries = value;
    }
  }
  return route;
}

/** The address of a view within the page. Its token goes along, or a reload would lose it. */
export function hashOf(view, token = null) {
  return token === null ? `#${view}` : `#${view}&token=${encodeURIComponent(token)}`;
}

/** A link to a team or to entries, by its view, for others: without the token, which is nobody else's. */
export function shareLink(location, view, code) {
  return `${location.origin}${location.pathname}#${view}=${code}`;
}

export function isDemo(search) {
  return new URLSearchParams(search).has('demo');
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
