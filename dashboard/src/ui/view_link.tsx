/** A link to another view that keeps what the header's selectors say. */
import type { AnchorHTMLAttributes, ReactElement } from "react";
import { Link } from "wouter";
import { keeping, useParameters, type Changes } from "~/state/url";

interface Props extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  to: string;
  also?: Changes | undefined;
}

export function ViewLink({ to, also, ...rest }: Props): ReactElement {
  const { search } = useParameters();
  return <Link href={keeping(to, search, also)} {...rest} />;
}
