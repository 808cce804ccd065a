// What svelte-check and the editor read: TypeScript in components, and every component in runes mode.
export default { compilerOptions: { runes: true } };
