const t0 = performance.now();
const { check } = await import('./check/check.ts');
console.error('import', performance.now() - t0);
for (let i = 0; i < 4; i++) {
  const t1 = performance.now();
  await check('/work/main', [], console.error);
  console.error('check', performance.now() - t1);
}
