using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;
using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>Looks for the column to distribute a table by, from its rows, the catalogs and recent statements.</summary>
public sealed class DistributionFinder
{
    /// <summary>Of a larger table, about so many rows are read.</summary>
    private const long Sample = 1_000_000;

    /// <summary>A table joined by another of at least so many times its rows is better copied to every node.</summary>
    private const long TimesLarger = 20;

    private const long LargestReference = 1_000_000;

    public int? ShardCount { get; init; }
    public Action<string>? Explain { get; init; }
    public Action<ImportProgress>? Progress { get; init; }

    /// <summary>Among the columns of a file.</summary>
    public async Task<IReadOnlyList<DistributionCandidate>> FindAsync(CsvProfiler file, string name, CancellationToken stop)
    {
        CsvProfile profile = await file.RunAsync(stop);
        if (profile.Rows == 0) throw ProfileErrors.NoRows(name);
        return DistributionJudge.Rank(name, profile, file.RowsByShard, new Dictionary<string, ColumnEvidence>(), file.ShardCount);
    }

    /// <summary>Among the columns of a table, distributed or not; with it, the small tables that it joins with.</summary>
    public async Task<IReadOnlyList<DistributionCandidate>> FindAsync(CitusConnection connection, TableName name, CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        bool citus = connection.CitusVersion is not null;
        TableInfo table = await TableCatalog.FindAsync(connection, session, name, stop);
        IReadOnlyDictionary<string, ColumnEvidence> evidence = await DistributionEvidence.ReadAsync(session, table, citus, Explain, stop);
        (IReadOnlyList<DistributionCandidate> found, CitusException? obstacle, _) = await TryFindAsync(connection, session, table,
            evidence, stop);
        return obstacle is null ? found : throw obstacle;
    }

    /// <summary>The same, once its evidence is read.</summary>
    /// <returns>The candidates; or why there are none, and whether that is for lack of rows.</returns>
    internal async Task<(IReadOnlyList<DistributionCandidate> Found, CitusException? Obstacle, bool IsEmpty)> TryFindAsync(
        CitusConnection connection, NpgsqlConnection session, TableInfo table, IReadOnlyDictionary<string, ColumnEvidence> evidence,
        CancellationToken stop)
    {
        long rows = await CountAsync(session, table.Name, null, stop);
        if (rows == 0) return ([], ProfileErrors.TableEmpty(table), true);
        string[] columns = [.. evidence.Values.Where(c => c.CanHash && c.TypeOid is not (PgType.Json or PgType.Jsonb)).Select(c => c.Name)];
        if (columns.Length == 0) return ([], ProfileErrors.NoCandidate(table, evidence.Values.FirstOrDefault()?.Type ?? "json"), false);
        int shards = ShardCount ?? (connection.CitusVersion is not null ? await ShardsOfAsync(session, table, stop) : 32);
        var profiler = new CsvProfiler(new TableSource(connection, table, columns, rows))
        {
            Dialect = new CsvDialect { HasHeader = false }, Shape = new CsvShape { Fields = columns }, Connection = connection,
            Table = table.Name,
            EveryColumn = true, Rows = true, ShardCount = shards, Progress = Progress,
        };
        CsvProfile profile = await profiler.RunAsync(stop);
        var found = new List<DistributionCandidate>();
        IEnumerable<RelatedTable> joinedByKey = profile.Columns.Where(c => evidence[c.Name].IsInEveryKey == true
            && c.DistinctValues >= rows * 0.98).SelectMany(c => evidence[c.Name].Related);
        if (await ReferenceAsync(session, table.Display, rows, table.Kind == TableKind.Reference, joinedByKey, stop) is { } whole)
            found.Add(whole);
        foreach (RelatedTable other in evidence.Values.SelectMany(c => c.Related).Where(r => r.IsReadable && r.IsKey && !r.ByIt && r.IsNear)
            .DistinctBy(r => r.Table))
        {
            long others = await CountAsync(session, other.Name, rows / TimesLarger + 1, stop);
            if (others > 0 && others * TimesLarger <= rows && others <= LargestReference)
                found.Add(Reference(other.Table, others, other.IsReference, table.Display, rows));
        }
        found.AddRange(DistributionJudge.Rank(table.Display, profile, profiler.RowsByShard, evidence, shards));
        return (found, null, false);
    }

    /// <summary>The table itself, where it is small and tables many times larger join it by its key.</summary>
    private static async Task<DistributionCandidate?> ReferenceAsync(
        NpgsqlConnection session, string table, long rows, bool isReference, IEnumerable<RelatedTable> related, CancellationToken stop)
    {
        if (rows > LargestReference) return null;
        // What is distributed by that very column needs no copy: the two can be colocated.
        foreach (RelatedTable other in related.Where(r => r.IsReadable && r.IsNear && !r.IsKey && !r.IsReference && !r.ByIt)
            .DistinctBy(r => r.Table))
        {
            long others = await CountAsync(session, other.Name, rows * TimesLarger, stop);
            if (others >= rows * TimesLarger) return Reference(table, rows, isReference, other.Table, others);
        }
        return null;
    }

    private static DistributionCandidate Reference(string table, long rows, bool isReference, string joinedBy, long othersRows) => new()
    {
        Table = table,
        Verdict = CandidateVerdict.ReferenceTable,
        Reason = string.Create(CultureInfo.InvariantCulture,
            $"{rows:N0} rows, and {joinedBy} with {othersRows:N0} or more joins it by its key: "
                + $"a copy on every node keeps such joins local whatever {joinedBy} is distributed by")
            + (isReference ? "; it is a reference table already" : ProfileErrors.MakesReference(table)),
        Evidence = [],
        RowsRead = rows,
    };

    private static async Task<long> CountAsync(NpgsqlConnection session, TableName table, long? atMost, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(atMost is { } most
            ? string.Create(CultureInfo.InvariantCulture, $"SELECT count(*) FROM (SELECT 1 FROM {table.Sql} LIMIT {most}) x")
            : $"SELECT count(*) FROM {table.Sql}", session) { CommandTimeout = 0 };
        return (long)(await command.ExecuteScalarAsync(stop))!;
    }

    private static Task<int> ShardsOfAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop) =>
        session.ScalarAsync<int>("""
            SELECT coalesce(nullif((SELECT count(*) FROM pg_catalog.pg_dist_shard WHERE logicalrelid = $1::oid
                AND shardminvalue IS NOT NULL), 0),
                            current_setting('citus.shard_count', true)::bigint, 32)::int
            """, stop, table.Oid);

    /// <summary>A table's rows as the CSV that COPY writes; of a large table a random part of them.</summary>
    private sealed record TableSource(CitusConnection Connection, TableInfo Table, string[] Columns, long Rows) : CsvSource(Table.Display)
    {
        internal override async Task<OpenedSource> OpenAsync(CancellationToken stop)
        {
            NpgsqlConnection session = await Connection.OpenSessionAsync(stop);
            try
            {
                // As TABLESAMPLE BERNOULLI, which columnar tables don't have.
                string sample = Rows <= Sample ? ""
                    : string.Create(CultureInfo.InvariantCulture, $" WHERE pg_catalog.random() < {(double)Sample / Rows:0.########}");
                var rows = (StreamReader)await session.BeginTextExportAsync(
                    $"COPY (SELECT {string.Join(", ", Columns.Select(TableName.Quote))} FROM {Table.Name.Sql}{sample}) TO STDOUT WITH "
                        + "(FORMAT csv)", stop);
                return new OpenedSource(new SessionStream(session, rows));
            }
            catch
            {
                await session.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Gives the session back with the stream.</summary>
    private sealed class SessionStream(NpgsqlConnection session, StreamReader rows) : ReadOnlyStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            rows.BaseStream.ReadAsync(buffer, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                rows.Dispose();
                session.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
