/** What the bundler (esbuild, loader `binary`) makes of an imported .wasm file. */
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  // biome-ignore lint/style/noDefaultExport: the shape of the bundler's module is not ours to choose
  export default bytes;
}
