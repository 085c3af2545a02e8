// An earlier build of Lovage, whose folder is in BENCH_FORMER: `npm run bench -- --former REVISION` makes it.
const { BENCH_FORMER: folder, BENCH_FORMER_NAME: revision } = process.env
const { open, concurrency } = await import(`${folder}/bench/peers/lovage.mjs`)
const name = `Lovage at ${revision}`

export { concurrency, name, open }
