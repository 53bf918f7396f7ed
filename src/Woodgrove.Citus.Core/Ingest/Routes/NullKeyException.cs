namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>A record has no distribution value.</summary>
/// <param name="line">The physical line on which the record ends.</param>
internal sealed class NullKeyException(long line) : Exception
{
    public long Line { get; } = line;
}
