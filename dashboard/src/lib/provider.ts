/** What providers are called. */

const NAMES: Readonly<Record<string, string>> = { github: "GitHub", gitlab: "GitLab", jenkins: "Jenkins", push: "Pushed" };

export function providerName(provider: string): string {
  return NAMES[provider] ?? provider;
}
