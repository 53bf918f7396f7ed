using System.Globalization;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Schema;

/// <summary>The statements that distribute tables, in an order in which Citus takes them.</summary>
internal static class TableStatements
{
    public static IEnumerable<SchemaObject> Of(IReadOnlyList<StoredTable> tables)
    {
        // Citus itself adds those local tables to its metadata that a foreign key ties to a reference table.
        StoredTable[] own = [.. InOrder([.. tables.Where(t => t.Kind != TableKind.Schema && !t.IsAutomatic)])];
        foreach (IGrouping<string, StoredTable> schema in tables.Where(t => t.Kind == TableKind.Schema).GroupBy(t => t.Schema))
            yield return OfSchema(schema.Key, [.. schema]);
        foreach (string schema in own.Select(t => t.Schema).Distinct().Where(s => s != "public").Order(StringComparer.Ordinal))
            yield return CreateSchema(schema);
        ILookup<int, StoredTable> groups = own.Where(t => t.ColocationId > 0).ToLookup(t => t.ColocationId);
        foreach (StoredTable table in own)
        {
            StoredTable[] group = [.. groups[table.ColocationId]];
            yield return Of(table, group);
            if (group.FirstOrDefault() != table || table.Method != 'h') continue;
            foreach (SchemaObject split in Splits(table)) yield return split;
        }
    }

    public static SchemaObject CreateSchema(string schema) => new()
    {
        Kind = SchemaObjectKind.Schema,
        Name = TableName.QuoteIfNeeded(schema),
        Sql = $"CREATE SCHEMA IF NOT EXISTS {TableName.QuoteIfNeeded(schema)};",
    };

    /// <summary>Reference tables first, and each table after those that its foreign keys lead to; a circle is cut somewhere.</summary>
    private static List<StoredTable> InOrder(IReadOnlyList<StoredTable> tables)
    {
        Dictionary<string, StoredTable> byName = tables.ToDictionary(t => t.Display);
        var ordered = new List<StoredTable>();
        var seen = new HashSet<string>();
        foreach (StoredTable table in tables.OrderBy(t => t.Kind != TableKind.Reference)) Add(table);
        return ordered;

        void Add(StoredTable table)
        {
            if (!seen.Add(table.Display)) return;
            foreach (string other in table.References)
                if (byName.TryGetValue(other, out StoredTable? first)) Add(first);
            ordered.Add(table);
        }
    }

    private static SchemaObject Of(StoredTable table, StoredTable[] group)
    {
        string name = Literal(table.Display);
        string? with = group.FirstOrDefault() is { } first && first != table ? first.Display : null;
        var made = new SchemaObject
        {
            Kind = SchemaObjectKind.ReferenceTable,
            Name = table.Display,
            Sql = $"SELECT pg_catalog.create_reference_table({name});",
            DependsOn = table.References.Prepend(table.Display).Concat(with is null ? [] : [with]).Distinct().ToListing(),
        };
        if (table.Kind == TableKind.Reference) return made;
        made = made with { Group = [.. group.Select(t => t.Display)] };
        if (table.Kind == TableKind.Local)
        {
            return made with { Kind = SchemaObjectKind.ManagedLocalTable,
                Sql = $"SELECT pg_catalog.citus_add_local_table_to_metadata({name});" };
        }
        string colocation = with is null ? "'none'" : Literal(with);
        if (table.Kind == TableKind.SingleShard)
        {
            return made with
            {
                Kind = SchemaObjectKind.SingleShardTable,
                Sql = $"SELECT pg_catalog.create_distributed_table({name}, NULL, colocate_with := {colocation});",
                Properties = [new(SchemaObject.ColocatedWith, with)],
            };
        }
        if (table.Method != 'h' || ShardLayout.Of(table.Ranges) is not { } layout)
        {
            return made with
            {
                Kind = SchemaObjectKind.DistributedTable, Sql = "",
                Note = table.Method == 'h' ? "The hash ranges of its shards leave values out or overlap: it is not restored."
                    : "It is distributed by range or append, and its shards were made one by one: it is not restored.",
            };
        }
        string count = with is null ? string.Create(CultureInfo.InvariantCulture, $", shard_count := {layout.Base()}") : "";
        string create = $"SELECT pg_catalog.create_distributed_table({name}, {Literal(table.Column!)}, "
            + $"colocate_with := {colocation}{count});";
        return made with
        {
            Kind = SchemaObjectKind.DistributedTable,
            Sql = table.ReplicationFactor == 1 ? create : string.Create(CultureInfo.InvariantCulture,
                $"SET citus.shard_replication_factor = {table.ReplicationFactor};\n{create}\nRESET citus.shard_replication_factor;"),
            Properties = [new("DistributionColumn", table.Column), new(SchemaObject.ColocatedWith, with),
                new("ShardCount", layout.Starts.Count.ToString(CultureInfo.InvariantCulture)),
                new("FirstHashes", layout.IsEven ? null : string.Join(' ', layout.Starts)),
                new("ReplicationFactor", table.ReplicationFactor.ToString(CultureInfo.InvariantCulture))],
        };
    }

    /// <summary>
    /// The splits that make even shards those of the group; none where they are even. Each is an object of its own, because Citus
    /// makes one in a transaction.
    /// </summary>
    private static IEnumerable<SchemaObject> Splits(StoredTable table)
    {
        string name = Literal(table.Display);
        return (ShardLayout.Of(table.Ranges)?.Splits() ?? []).Select(s => new SchemaObject
        {
            Kind = SchemaObjectKind.ShardSplit,
            Name = string.Create(CultureInfo.InvariantCulture, $"{table.Display} {s.First}..{s.Last}"),
            Sql = string.Create(CultureInfo.InvariantCulture, $"""
                SELECT pg_catalog.citus_split_shard_by_split_points(s.shardid, ARRAY[{string.Join(", ", s.Points.Select(p => $"'{p}'"))}],
                    pg_catalog.array_fill(n.nodeid, ARRAY[{s.Points.Length + 1}]), 'block_writes')
                FROM pg_catalog.pg_dist_shard s JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid
                    JOIN pg_catalog.pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
                WHERE s.logicalrelid = {name}::pg_catalog.regclass AND s.shardminvalue = '{s.First}' AND s.shardmaxvalue = '{s.Last}';
                """),
            DependsOn = [table.Display],
            Properties = [new("LastHashes", string.Join(' ', s.Points))],
            Note = "The parts of a shard are made on the node where it is: rebalance afterwards.",
        });
    }

    private static SchemaObject OfSchema(string schema, StoredTable[] tables)
    {
        string[] own = [.. tables.Select(t => t.Display)];
        string name = TableName.QuoteIfNeeded(schema);
        return new SchemaObject
        {
            Kind = SchemaObjectKind.DistributedSchema,
            Name = name,
            Sql = $"CREATE SCHEMA IF NOT EXISTS {name};\nSELECT pg_catalog.citus_schema_distribute({Literal(name)});",
            DependsOn = [.. own.Where(t => t.Length > 0), .. tables.SelectMany(t => t.References).Except(own).Distinct()],
        };
    }

    private static string Literal(string text) => TableName.Literal(text);
}
