import { isIP } from "node:net";
import { hostname } from "node:os";
import type { MiddlewareHandler } from "hono";
import { Problem } from "./problem.ts";

/**
 * The dashboard has no login, so a web page that the user visits must not be able to use it:
 * names that an attacker's DNS points here are refused by their Host header (DNS rebinding),
 * and requests that another site makes are refused by Origin and Sec-Fetch-Site.
 */
export function guard(): MiddlewareHandler {
  const ownNames = new Set(["localhost", hostname().toLowerCase()]);
  return async (c, next) => {
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    if (!isOurs(host, ownNames)) {
      throw new Problem(
        421,
        "request.foreign-host",
        "this address is not one of this server: use its IP address or localhost",
      );
    }
    const origin = c.req.header("origin");
    const site = c.req.header("sec-fetch-site");
    const foreignOrigin = origin !== undefined && origin !== `http://${host}`;
    const foreignSite = site !== undefined && site !== "same-origin" && site !== "none";
    // A link from elsewhere may open the page itself; everything else is for our own page and for tools.
    const opensPage = c.req.path === "/" && c.req.method === "GET" && c.req.header("sec-fetch-mode") === "navigate";
    if (foreignOrigin || (foreignSite && !opensPage)) {
      throw new Problem(403, "request.cross-site", "requests from other sites are refused");
    }
    await next();
  };
}

/** An IP address cannot be rebound, and a name must be this machine's own. */
function isOurs(host: string, ownNames: ReadonlySet<string>): boolean {
  let name: string;
  try {
    name = new URL(`http://${host}`).hostname.toLowerCase();
  } catch {
    return false;
  }
  return ownNames.has(name) || isIP(name.replace(/^\[|\]$/g, "")) !== 0;
}

/** Nothing from elsewhere loads, nothing inline runs, no other page frames us. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of every answer. */
export function securityHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    c.header("content-security-policy", CONTENT_SECURITY_POLICY);
    c.header("x-content-type-options", "nosniff");
    c.header("referrer-policy", "no-referrer");
    c.header("cross-origin-resource-policy", "same-origin");
    c.header("cross-origin-opener-policy", "same-origin");
    if (c.req.path.startsWith("/api/")) c.header("cache-control", "no-store");
  };
}
