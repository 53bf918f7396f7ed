using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Schema;

/// <summary>An object of a database's schema, with the SQL that makes it.</summary>
public sealed record SchemaObject
{
    public required SchemaObjectKind Kind { get; init; }

    /// <summary>With its schema, quoted where SQL needs it.</summary>
    public required string Name { get; init; }

    /// <summary>One statement or more, each with its semicolon; empty where the object can't be recreated.</summary>
    public required string Sql { get; init; }

    /// <summary>Names of the objects that must be there first.</summary>
    public Listing<string> DependsOn { get; init; } = [];

    /// <summary>What an object of this name is compared by.</summary>
    public Listing<SchemaProperty> Properties { get; init; } = [];

    /// <summary>The relation that this is a part of, or changes.</summary>
    public string? PartOf { get; init; }

    /// <summary>What the SQL does not restore.</summary>
    public string? Note { get; init; }

    /// <summary>The tables of its colocation group, where it is a table of one.</summary>
    internal IReadOnlyList<string> Group { get; init; } = [];

    /// <summary>What distributes a table, whichever way, is one and the same thing to compare.</summary>
    internal (string Family, string Name) Key => (Kind is SchemaObjectKind.ReferenceTable or SchemaObjectKind.DistributedTable
        or SchemaObjectKind.SingleShardTable or SchemaObjectKind.ManagedLocalTable ? "Distribution" : Kind.ToString(), Name);

    /// <summary>How this object, of a script, differs from the one of its name in a database.</summary>
    internal IReadOnlyList<SchemaDifference> DifferencesTo(SchemaObject other)
    {
        var differences = new List<SchemaDifference>();
        if (Kind != other.Kind) differences.Add(new("Kind", Kind.ToString(), other.Kind.ToString()));
        foreach (SchemaProperty mine in Properties)
        {
            string? theirs = other.Properties.FirstOrDefault(p => p.Name == mine.Name)?.Value;
            // Whichever table of its group leads there.
            bool same = mine.Name != ColocatedWith ? mine.Value == theirs
                : mine.Value is null ? theirs is null || other.Group.Contains(Name) : other.Group.Contains(mine.Value);
            if (!same) differences.Add(new(mine.Name, mine.Value, theirs));
        }
        return differences;
    }

    internal const string ColocatedWith = "ColocatedWith";

    public override string ToString() => $"{Kind} {Name}";
}
