/** The judge notices cards that are wrong about all else. */
import { describeMutations } from './mutations/describe-mutations.ts';
import { OF_THE_CARD } from './mutations/index.ts';

describeMutations(OF_THE_CARD);
