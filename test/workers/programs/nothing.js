/** No worker's module: it exports nothing by default. */
export const main = undefined;
