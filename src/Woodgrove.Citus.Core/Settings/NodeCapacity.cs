namespace Woodgrove.Citus.Settings;

/// <summary>The smallest node, and how many nodes hold shards.</summary>
internal sealed record NodeCapacity(long? MemoryBytes, int? Cores, int Workers)
{
    /// <summary>In the largest unit that divides it.</summary>
    public static string Show(long bytes) => bytes switch
    {
        >= 1 << 30 when bytes % (1 << 30) == 0 => $"{bytes >> 30}GB",
        >= 1 << 20 when bytes % (1 << 20) == 0 => $"{bytes >> 20}MB",
        >= 1 << 10 when bytes % (1 << 10) == 0 => $"{bytes >> 10}kB",
        _ => $"{bytes}",
    };
}
