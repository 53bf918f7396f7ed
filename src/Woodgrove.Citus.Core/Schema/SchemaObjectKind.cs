namespace Woodgrove.Citus.Schema;

/// <summary>What a statement of a schema makes. The order is that of a script without the definitions of tables.</summary>
public enum SchemaObjectKind
{
    Extension,
    Schema,
    Type,
    Function,
    Sequence,
    Table,
    Index,
    Constraint,

    /// <summary>The columnar access method of a table, with its options.</summary>
    ColumnarTable,
    ReferenceTable,
    DistributedTable,

    /// <summary>A table that is distributed without a column.</summary>
    SingleShardTable,

    /// <summary>A schema whose tables are all on one node.</summary>
    DistributedSchema,

    /// <summary>A local table that Citus has in its metadata.</summary>
    ManagedLocalTable,

    /// <summary>Hash ranges of a colocation group that are not those of equal shards.</summary>
    ShardSplit,
    DistributedFunction,
    View,
    ForeignKey,
    Trigger,

    /// <summary>Whatever else pg_dump writes: defaults, ownership of sequences, policies, comments and the like.</summary>
    Other,
}
