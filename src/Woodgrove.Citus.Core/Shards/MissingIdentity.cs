namespace Woodgrove.Citus.Shards;

/// <summary>Tables whose UPDATE and DELETE can't be replicated logically, so that their shards are only copied while writers wait.</summary>
internal static class MissingIdentity
{
    /// <summary>An SQL condition: the table has rows of its own, and neither a primary key nor another replica identity.</summary>
    /// <param name="table">The name that the query gives to pg_class.</param>
    public static string Of(string table) => $"""
        ({table}.relkind = 'r' AND ({table}.relreplident = 'n' OR ({table}.relreplident = 'd' AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_index keys WHERE keys.indrelid = {table}.oid AND keys.indisprimary))))
        """;
}
