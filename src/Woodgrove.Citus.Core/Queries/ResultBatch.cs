namespace Woodgrove.Citus.Queries;

internal static class ResultBatch
{
    /// <summary>Rows handed over at a time: enough to hide the hand-over, few enough to stay in the cache.</summary>
    public const int Size = 256;
}
