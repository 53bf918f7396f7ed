namespace Woodgrove.Citus.Schema;

/// <summary>A property that an object of the script and the one in the database have not in common.</summary>
public sealed record SchemaDifference(string Property, string? Script, string? Database)
{
    public override string ToString() => $"{Property}: {Script ?? "none"} in the script, {Database ?? "none"} in the database";
}
