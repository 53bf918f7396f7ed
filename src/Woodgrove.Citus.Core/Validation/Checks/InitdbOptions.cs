namespace Woodgrove.Citus.Validation.Checks;

internal sealed class InitdbOptions() : CitusCheck(CheckCategory.Upgrade,
    "All nodes were created with the same checksums, encoding, locale and size of WAL segments.",
    "The new server's initdb must be given the same, or pg_upgrade refuses it; from PostgreSQL 18 on, it makes checksums by default.")
{
    private static readonly Question<Options> All = new(Ask.EveryNode, """
        SELECT pg_catalog.current_setting('data_checksums') AS checksums, pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding,
            d.datcollate::text AS collate, d.datctype::text AS ctype, pg_catalog.current_setting('wal_segment_size') AS wal_segment_size
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
        """);

    public override IReadOnlyList<Question> Questions => [All];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Options> all = facts.Of(All);
        string actual = string.Join("; ", all.GroupBy(o => o.Says).Select(g => g.Count() == all.Count ? g.Key
            : $"{g.Key} on {Verdict.List(g.Select(o => o.Node))}"));
        return all.Select(o => o.Says).Distinct().Count() <= 1 ? Verdict.Passed("alike on all nodes", actual)
            : new Verdict(CheckStatus.Warning, "alike on all nodes", actual, [.. all],
                "Give initdb of each new server the options of its old one. "
                    + "pg_checksums switches checksums on or off while a server is stopped.");
    }

    public sealed record Options(string Node, string Checksums, string Encoding, string Collate, string Ctype, string WalSegmentSize)
    {
        internal string Says => $"checksums {Checksums}, {Encoding}, {Collate}{(Ctype == Collate ? "" : $" and {Ctype}")}, WAL segments of "
            + WalSegmentSize;
    }
}
