/** What providers are called. */

const NAMES: Readonly<Record<string, string>> = { github: "GitHub", gitlab: "GitLab", jenkins: "Jenkins", push: "Pushed" };

export function providerName(provider: string): string {
  return NAMES[provider] ?? provider;
}

/** The provider, and which of its installations where that is called otherwise. */
export function installationName({ provider, instance }: { provider: string; instance: string }): string {
  return instance === provider ? providerName(provider) : `${providerName(provider)} ${instance}`;
}

interface Placed {
  provider: string;
  instance: string;
  repository: string | null;
  pipeline_name: string;
}

/** The repository, unless none is known or the pipeline is called the same; and the installation that has it. */
export function whereOf(of: Placed): string {
  const installation = installationName(of);
  return of.repository === null || of.repository === of.pipeline_name ? installation : `${of.repository} · ${installation}`;
}
