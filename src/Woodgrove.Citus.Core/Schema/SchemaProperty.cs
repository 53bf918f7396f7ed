namespace Woodgrove.Citus.Schema;

/// <summary>A property by which an object is compared with one of its name elsewhere.</summary>
public sealed record SchemaProperty(string Name, string? Value)
{
    public override string ToString() => $"{Name}: {Value ?? "none"}";
}
