// What the address says: which view, a shared team, a token, and whether this is a talk.
//
//   #slate · #team · #leaders · #pulse · #team=1,c,draftkings,ID,…  and  &token=TOKEN  after any of them
//   ?demo
//
// What follows the # is in no request, and so in no log of a server or a proxy.

export const VIEWS = ['slate', 'team', 'leaders', 'pulse'];

/** `{view, team, token}` of what follows the #; `team` is the code of a shared team, or null. */
export function parseHash(hash) {
  const route = { view: VIEWS[0], team: null, token: null };
  for (const part of hash.replace(/^#/, '').split('&')) {
    const at = part.indexOf('=');
    const [name, value] = at < 0 ? [part, null] : [part.slice(0, at), part.slice(at + 1)];
    if (name === 'token' && value) route.token = decoded(value);
    else if (VIEWS.includes(name)) {
      route.view = name;
      if (name === 'team' && value) route.team = value;
    }
  }
  return route;
}

/** The address of a view within the page. Its token goes along, or a reload would lose it. */
export function hashOf(view, token = null) {
  return token === null ? `#${view}` : `#${view}&token=${encodeURIComponent(token)}`;
}

/** A link to a team for others: without the token, which is nobody else's. */
export function shareLink(location, code) {
  return `${location.origin}${location.pathname}#team=${code}`;
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
