using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Catalog;

/// <summary>What is to be said of a value: where it lies, or why it lies nowhere.</summary>
public readonly record struct ShardAnswer(ShardLocation? Found, CitusException? Refusal)
{
    /// <exception cref="CitusException">The value lies nowhere.</exception>
    public ShardLocation Location() => Found ?? throw Refusal!;
}
