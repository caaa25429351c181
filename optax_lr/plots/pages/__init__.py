"""Pages of HTML that need neither a server nor a network: `explore`, a sweep, and the report of an audit."""
