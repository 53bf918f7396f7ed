using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Profiling;

/// <summary>Recommends for each local table how to distribute it in a Citus cluster.</summary>
public sealed class DistributionPlanner(CitusConnection connection)
{
    /// <summary>A table of less than this part of the largest is small.</summary>
    private const long TimesLarger = 20;

    private const long LargestReference = 1_000_000;

    private readonly List<DistributionPlan> _plans = [];
    private readonly Dictionary<(string Table, string Column), string> _changed = []; // the new types of columns
    private List<PlannedTable> _tables = [];
    private Dictionary<string, PlannedTable> _byName = [];

    public int? ShardCount { get; init; }
    public Action<string>? Explain { get; init; }
    public Action<string>? Warn { get; init; }
    public Action<ImportProgress>? Progress { get; init; }

    /// <returns>In the order in which the tables can be distributed: reference tables, distributed ones, schemas, local ones.</returns>
    public async Task<IReadOnlyList<DistributionPlan>> FindAsync(CancellationToken stop)
    {
        await ReadAsync(stop);
        HashSet<string> tenants = TenantSchemas();
        List<PlannedTable> rest = [.. _tables.Where(t => !tenants.Contains(t.Schema))];
        var families = new ColumnFamilies(rest);
        foreach (PlannedTable table in _tables.Where(t => tenants.Contains(t.Schema))) _plans.Add(OfSchema(table, tenants.Count));
        // What the tenants share, they find on every node.
        foreach (PlannedTable shared in rest.Where(t => _tables.Exists(o => tenants.Contains(o.Schema)
            && o.ForeignKeys.Exists(k => k.Other == t.Name))))
            AddReference(shared, "foreign keys of the tenants' schemas lead to it, and each finds a copy on its node");
        if (families.Best is { } best) Distribute(rest, families, best);
        foreach (PlannedTable table in rest.Where(t => !IsPlanned(t))) AddOther(table, rest.Max(t => t.RowCount));
        FollowReferences();
        return [.. _plans.Select(WithForeignKeys).OrderBy(p => p.Kind switch
        {
            TableKind.Reference => 0, TableKind.Distributed => 1, TableKind.Schema => 2, _ => 3,
        })];
    }

    private async Task ReadAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        bool citus = connection.CitusVersion is not null;
        List<PlannedTable> found = await PlannedTable.ReadAsync(session, citus, stop);
        foreach (string schema in found.Where(t => !t.MayUseSchema).Select(t => TableName.QuoteIfNeeded(t.Schema)).Distinct())
            Warn?.Invoke($"{connection.UserName} may not use schema {schema}, whose tables are left out of the plan: "
                + $"GRANT USAGE ON SCHEMA {schema} TO {TableName.QuoteIfNeeded(connection.UserName)};");
        _tables = [.. found.Where(t => t.MayUseSchema)];
        _byName = _tables.ToDictionary(t => t.Name);
        await ExplainStatementsAsync(session, stop);
        var finder = new DistributionFinder { ShardCount = ShardCount, Explain = Explain, Progress = Progress };
        foreach (PlannedTable table in _tables)
        {
            TableInfo info = await TableCatalog.FindAsync(connection, session, table.Exact, stop);
            table.Columns = await DistributionEvidence.ReadAsync(session, info, citus, table is { IsReadable: true, HasPolicies: false }
                ? Explain : null, stop);
            table.Keys = await UniqueKey.ReadAsync(session, info.Oid, stop);
            if (!table.IsReadable)
            {
                Warn?.Invoke($"{connection.UserName} may not read {table.Name}, which is planned for by its keys alone: "
                    + $"GRANT SELECT ON {table.Exact} TO {TableName.QuoteIfNeeded(connection.UserName)};");
                continue;
            }
            if (table.HasPolicies)
            {
                // Nobody named the table.
                Warn?.Invoke($"{table.Name} has row level security: its rows are not read, since its policies may call anything of "
                    + "their owner's, and it is planned for by its keys alone. Its owner, or a role with BYPASSRLS, gets the whole plan.");
                continue;
            }
            (table.Candidates, CitusException? obstacle, bool isEmpty) = await finder.TryFindAsync(connection, session, info,
                table.Columns, stop);
            if (obstacle is not null) Explain?.Invoke(obstacle.What);
            // Of a sample there is no count.
            if (isEmpty) table.Counted = 0;
            else if (table.Candidates.FirstOrDefault(c => c.Column is not null) is { RowsRead: < LargestReference * 9 / 10 } counted)
                table.Counted = counted.RowsRead;
        }
    }

    private async Task ExplainStatementsAsync(NpgsqlConnection session, CancellationToken stop)
    {
        (bool isInstalled, bool seesAll) = await session.FirstAsync("""
            SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements'),
                   pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            """, row => (row.GetBoolean(0), row.GetBoolean(1)), stop);
        if (!isInstalled)
            Explain?.Invoke("pg_stat_statements is not installed, so what queries filter and join by is not known.");
        else if (!seesAll)
        {
            Warn?.Invoke($"{connection.UserName} sees only its own statements in pg_stat_statements: "
                + $"GRANT pg_read_all_stats TO {TableName.QuoteIfNeeded(connection.UserName)};");
        }
    }

    /// <summary>Schemas with the same tables, at least two of them: one for each tenant.</summary>
    private HashSet<string> TenantSchemas() => [.. _tables.GroupBy(t => t.Schema).Where(s => s.Key != "public")
        .GroupBy(s => string.Join(' ', s.Select(t => t.Exact.Name).Order(StringComparer.Ordinal)))
        .Where(like => like.Count() > 1).SelectMany(like => like.Select(s => s.Key))];

    private static DistributionPlan OfSchema(PlannedTable table, int tenants)
    {
        string schema = TableName.QuoteIfNeeded(table.Schema);
        return Plan(table, TableKind.Schema, Text(
            $"{tenants} schemas have the same tables, one for each tenant: each is kept whole on one node")) with
        {
            Distribute = $"SELECT citus_schema_distribute({TableName.Literal(schema)});",
        };
    }

    private void Distribute(List<PlannedTable> rest, ColumnFamilies families, (string, string) best)
    {
        string? lead = null;
        string[] members = [.. rest.Where(t => !IsPlanned(t) && families.ColumnOf(t, best) is not null).Select(t => t.Name)];
        foreach (PlannedTable table in InOrder([.. members.Select(m => _byName[m])]))
        {
            string column = families.ColumnOf(table, best)!;
            string why = members.Length == 1 ? $"{column} suits it best"
                : $"{List([.. members.Except([table.Name])])} {(members.Length == 2 ? "has" : "have")} such a column too, "
                    + "so that joins by it stay on each node";
            AddDistributed(table, column, lead, why);
            lead ??= table.Name;
        }
        // What has no such column, and a foreign key to a table that has: the column can be filled from there.
        while (rest.FirstOrDefault(t => !IsPlanned(t) && !IsReference(t) && Source(t) is not null) is { } lacking)
        {
            (PlannedForeignKey through, DistributionPlan source) = Source(lacking)!.Value;
            string column = source.DistributionColumn!;
            PlannedTable other = _byName[through.Other];
            string quoted = TableName.QuoteIfNeeded(column);
            string joined = string.Join(" AND ", through.Columns.Zip(through.Referenced)
                .Select(p => $"o.{TableName.QuoteIfNeeded(p.Second)} = t.{TableName.QuoteIfNeeded(p.First)}"));
            // By its type where the column comes from, even where that has yet to be added.
            string type = TypeOf(other, column);
            AddDistributed(lacking, column, lead, $"it has no {column}, which {through} fills", through.ToString(),
            [
                $"ALTER TABLE {lacking.Exact} ADD COLUMN {quoted} {type};",
                $"UPDATE {lacking.Exact} t SET {quoted} = o.{quoted} FROM {other.Exact} o WHERE {joined};",
                $"ALTER TABLE {lacking.Exact} ALTER COLUMN {quoted} SET NOT NULL;",
            ]);
            _changed[(lacking.Name, column)] = type;
        }
    }

    private string TypeOf(PlannedTable table, string column) =>
        _changed.TryGetValue((table.Name, column), out string? type) ? type : table.Columns[column].Type;

    private (PlannedForeignKey, DistributionPlan)? Source(PlannedTable table)
    {
        foreach (PlannedForeignKey key in table.ForeignKeys)
            if (_plans.Find(p => p.Table == key.Other && p.Kind == TableKind.Distributed) is { } source) return (key, source);
        return null;
    }

    /// <summary>Small, and joined by its key by one that is much larger; or small, and foreign keys of others lead to it.</summary>
    private bool IsReference(PlannedTable table) => table.Candidates.Any(c => c.Column is null && c.Table == table.Name)
            && table.Keys.Any(k => k.Columns is [var column] && ColumnFamilies.IsTelling(column))
        || table.RowCount <= LargestReference && _tables.Exists(t => t != table && t.ForeignKeys.Exists(k => k.Other == table.Name));

    private IEnumerable<string> Referencing(PlannedTable table) =>
        _tables.Where(t => t.ForeignKeys.Exists(k => k.Other == table.Name)).Select(t => t.Name);

    private void AddDistributed(PlannedTable table, string column, string? lead, string why, string? through = null, string[]? fill = null)
    {
        DistributionCandidate? measured = table.Candidate(column);
        string share = measured is { Verdict: CandidateVerdict.Unsuitable } ? $"; but {measured.Reason}" : "";
        UniqueKey[] keys = [.. table.Keys.Where(k => !k.Holds(column))];
        // Colocated tables are distributed by columns of one type.
        string[] retype = [];
        if (lead is not null && table.Columns.TryGetValue(column, out ColumnEvidence? mine)
            && _byName[lead].Columns.TryGetValue(_plans.Find(p => p.Table == lead)!.DistributionColumn!, out ColumnEvidence? first)
            && mine.TypeOid != first.TypeOid)
        {
            retype = [$"ALTER TABLE {table.Exact} ALTER COLUMN {TableName.QuoteIfNeeded(column)} TYPE {first.Type};"];
            _changed[(table.Name, column)] = first.Type;
            why += $"; it is {mine.Type} there, and has to become {first.Type}";
        }
        _plans.Add(Plan(table, TableKind.Distributed, why + share) with
        {
            DistributionColumn = column,
            ColocateWith = lead ?? "none",
            Evidence = measured?.Evidence ?? [],
            KeysToWiden = [.. keys.Select(k => k.ToString())],
            FillThrough = through,
            Prepare = [.. retype, .. fill ?? [], .. keys.Select(k => k.Widen(table.Exact, column))],
            Distribute = $"SELECT create_distributed_table({Literal(table)}, {TableName.Literal(column)}, colocate_with := "
                + $"{(lead is null ? "'none'" : Literal(_byName[lead]))});",
        });
    }

    private void AddReference(PlannedTable table, string why)
    {
        if (IsPlanned(table)) return;
        _plans.Add(Plan(table, TableKind.Reference, why) with { Distribute = $"SELECT create_reference_table({Literal(table)});" });
    }

    /// <summary>A table that has nothing to do with the column by which the others are distributed.</summary>
    private void AddOther(PlannedTable table, long largest)
    {
        if (IsReference(table))
            AddReference(table, table.Candidates.FirstOrDefault(c => c.Column is null && c.Table == table.Name)?.Reason.Split("; New-")[0]
                ?? $"small, and foreign keys of {List([.. Referencing(table)])} lead to it: a copy on every node keeps joins local");
        else if (table.RowCount > LargestReference && table.RowCount * TimesLarger > largest
            && table.Candidates.FirstOrDefault(c => c.Verdict == CandidateVerdict.Recommended) is { } own)
            AddDistributed(table, own.Column!, null, $"large, and nothing ties it to the other tables: {own.Reason}");
        else
            _plans.Add(Plan(table, TableKind.Local, (table.RowCount <= LargestReference || table.RowCount * TimesLarger <= largest
                ? "small, and nothing ties it to a distributed table" : "nothing ties it to a distributed table, and no column is "
                    + "recommended to distribute it by") + ": it can stay on the coordinator"));
    }

    /// <summary>A reference table can have foreign keys only to others, and to local tables.</summary>
    private void FollowReferences()
    {
        while (_plans.Find(p => p.Kind == TableKind.Local && _plans.Exists(r => r.Kind == TableKind.Reference
            && _byName[r.Table].ForeignKeys.Exists(k => k.Other == p.Table))) is { } local)
        {
            _plans.Remove(local);
            AddReference(_byName[local.Table], "a foreign key of a reference table leads to it");
        }
    }

    /// <summary>Citus takes a foreign key between distributed tables only once both are, and colocated.</summary>
    private DistributionPlan WithForeignKeys(DistributionPlan plan)
    {
        // They are dropped with the table that they lead to, whose keys could not be changed else.
        IEnumerable<string> drops = _tables.SelectMany(t => t.ForeignKeys)
            .Where(k => (_plans.Exists(p => p.Table == k.Other) ? k.Other : k.Table) == plan.Table && Fate(k).Fate != KeyFate.Kept)
            .Select(k => k.Drop(_byName[k.Table].Exact));
        var own = _byName[plan.Table].ForeignKeys.ConvertAll(k => (Key: k, Decided: Fate(k)));
        return plan with
        {
            Prepare = [.. drops, .. plan.Prepare],
            LostForeignKeys = [.. own.Where(k => k.Decided.Fate == KeyFate.Lost).Select(k => $"{k.Key}: {k.Decided.Why}")],
            Finish = [.. own.Where(k => k.Decided.Fate == KeyFate.Again).Select(k => k.Key.Add(_byName[plan.Table].Exact,
                _byName[k.Key.Other].Exact, plan.DistributionColumn!, _plans.Find(p => p.Table == k.Key.Other)!.DistributionColumn))],
        };
    }

    /// <returns>With the reason why a key is lost.</returns>
    private (KeyFate Fate, string? Why) Fate(PlannedForeignKey key)
    {
        DistributionPlan mine = _plans.Find(p => p.Table == key.Table)!;
        DistributionPlan? other = _plans.Find(p => p.Table == key.Other);
        bool isCopied = other is null or { Kind: TableKind.Reference };
        if (!isCopied && !IsOnSameNode(mine, other!)) return (KeyFate.Lost, "the two would not be on the same node");
        if (key.SetsSequence && (mine.Kind != TableKind.Local || other?.Kind == TableKind.Reference))
            return (KeyFate.Lost, "Citus does not support SET DEFAULT on a column whose default is a sequence");
        // A key to a reference table adds its table to the metadata, from which Citus can't distribute one with an identity column.
        KeyFate kept = mine.Kind == TableKind.Distributed && other is not null && _byName[key.Table].HasIdentity ? KeyFate.Again
            : KeyFate.Kept;
        if (mine.Kind != TableKind.Distributed || isCopied && !key.Columns.Contains(mine.DistributionColumn)) return (kept, null);
        // A key to a distributed table gets the column.
        if (key.ChangesColumns)
            return (KeyFate.Lost, $"Citus does not support{key.Actions.Split(" DEFERRABLE")[0]} where the key has the distribution column");
        if (isCopied) return (kept, null);
        return key.CanAdd(mine.DistributionColumn!, other!.DistributionColumn!) ? (KeyFate.Again, null) : (KeyFate.Lost,
            $"it does not lead from {mine.DistributionColumn} to {other.DistributionColumn}, by which the two are distributed");
    }

    private bool IsOnSameNode(DistributionPlan one, DistributionPlan other)
    {
        return one.Kind == other.Kind && one.Kind switch
        {
            TableKind.Distributed => Lead(one) == Lead(other),
            TableKind.Schema => _byName[one.Table].Schema == _byName[other.Table].Schema,
            _ => true,
        };

        static string Lead(DistributionPlan plan) => plan.ColocateWith == "none" ? plan.Table : plan.ColocateWith!;
    }

    private enum KeyFate
    {
        Kept, Again, Lost,
    }

    /// <summary>Each table after those that its foreign keys lead to.</summary>
    private List<PlannedTable> InOrder(IReadOnlyList<PlannedTable> tables)
    {
        var (ordered, seen) = (new List<PlannedTable>(), new HashSet<string>());
        foreach (PlannedTable table in tables.OrderByDescending(t => t.ForeignKeys.Count == 0)) Add(table);
        return ordered;

        void Add(PlannedTable table)
        {
            if (!seen.Add(table.Name)) return;
            foreach (PlannedTable other in tables.Where(t => table.ForeignKeys.Exists(k => k.Other == t.Name))) Add(other);
            ordered.Add(table);
        }
    }

    private bool IsPlanned(PlannedTable table) => _plans.Exists(p => p.Table == table.Name);

    private static DistributionPlan Plan(PlannedTable table, TableKind kind, string reason) => new()
    {
        Table = table.Name, FullName = table.Exact.ToString(), Kind = kind, Reason = reason, Rows = table.Counted ?? table.Rows,
        IsRowsEstimate = table.Counted is null && table.Rows is not null, SizeBytes = table.SizeBytes,
    };

    private static string Literal(PlannedTable table) => TableName.Literal(table.Exact.ToString());

    private static string List(string[] tables) =>
        string.Join(", ", tables.Take(3)) + (tables.Length > 3 ? Text($" and {tables.Length - 3} more") : "");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
