import path from 'node:path';
import { until } from '../../until.ts';
import { databaseOf, isWhole, primary, underWriter } from '../database.ts';
import type { Drill } from '../drill.ts';
import type { Pod } from '../stage.ts';

export const dbSwitchover: Drill = {
  name: 'db-switchover',
  environment: 'prod',
  cause:
    "a push gives the database another image: the standbys are replaced, then the primary's part goes to one of them",
  holds: 'no acknowledged row is lost or twice, and reads go on',
  embeddedOnly: true,
  usually: '2 min',
  goal: { figure: 'longest without writes', seconds: 3 },
  run: async (stage, note) => {
    const before = await primary(stage);
    const image = (await databaseOf(stage)).spec.imageName;
    const next = `${image}-next`;
    await stage.cluster.tagImage(image, path.basename(next).replace(/^.*:/, ''));
    const started = Date.now();
    const { longestWithoutWrites, held } = await underWriter(stage, note, async () => {
      await stage.clone.edit('base/postgres-ha/cluster.yaml', image, next);
      await stage.clone.push('The next image of Postgres');
      note('pushed another image');
      await until('another primary', async () => (await primary(stage)) !== before, 180);
      note(`${await primary(stage)} is the primary`);
      await until(
        'every instance of the new image',
        async () => {
          const labelSelector = 'cnpg.io/cluster=postgres,cnpg.io/podRole=instance';
          const { items } = await stage.api.json<{ items: Pod[] }>(
            `/api/v1/namespaces/prod/pods?${new URLSearchParams({ labelSelector })}`,
          );
          const images = items.map(
            ({ spec }) => spec.containers.find(({ name }) => name === 'postgres')?.image,
          );
          return images.length > 0 && images.every((image) => image === next) && (await isWhole(stage));
        },
        180,
      );
    });
    return {
      figures: {
        'longest without writes': longestWithoutWrites,
        'pushed → whole': (Date.now() - started) / 1000,
      },
      held,
    };
  },
};
