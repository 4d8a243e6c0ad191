#!/usr/bin/env node
/**
 * The package's command: `driftway COMMAND` is `node native/launch.mjs driftway COMMAND`. Plain JavaScript, any Node >= 18.
 */
process.argv.splice(2, 0, 'driftway');
await import('./launch.mjs');
