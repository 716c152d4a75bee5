import { Repository } from "@pulumi/gcp/artifactregistry/repository.js";
import { RepositoryIamMember } from "@pulumi/gcp/artifactregistry/repositoryIamMember.js";
import type { Account } from "@pulumi/gcp/serviceaccount/account.js";
import type { Settings } from "./settings/schema.ts";
import { named, regionsOf, type Stack } from "./stack.ts";

const DAY_SECONDS = 86_400;

export interface Image {
  readonly name: string;
  /** Absent: it is in a registry of somebody else, which these machines may read already. */
  readonly repository?: Repository;
}

/** Holds the image. It stands in the first region; machines of the others fetch it from there when they start. */
export function buildRegistry(stack: Stack): { readonly repository: Repository; readonly path: string } {
  const [[location] = [""]] = regionsOf(stack);
  const repository = new Repository(
    "registry",
    {
      repositoryId: named(stack),
      location,
      format: "DOCKER",
      description: "Images of Shardcast",
      // A tag that is in use means the same image on every machine, also on those that start later.
      dockerConfig: { immutableTags: true },
      cleanupPolicies: [
        { id: "keep-recent", action: "KEEP", mostRecentVersions: { keepCount: 20 } },
        { id: "delete-old", action: "DELETE", condition: { olderThan: `${90 * DAY_SECONDS}s` } },
      ],
      labels: stack.labels,
    },
    stack.kept,
  );
  return { repository, path: `${location}-docker.pkg.dev/${stack.project}/${named(stack)}/shardcast` };
}

export function letRead(name: string, repository: Repository, account: Account): RepositoryIamMember {
  return new RepositoryIamMember(`${name}-reads-registry`, {
    location: repository.location,
    repository: repository.name,
    role: "roles/artifactregistry.reader",
    member: account.member,
  });
}

/** What machines run; undefined until the stack names one. */
export function imageOf(
  { image, imageTag }: Settings,
  { repository, path }: { readonly repository: Repository; readonly path: string },
): Image | undefined {
  if (image !== undefined) return { name: image };
  return imageTag === undefined ? undefined : { name: `${path}:${imageTag}`, repository };
}
