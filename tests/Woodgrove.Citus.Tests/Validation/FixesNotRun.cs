namespace Woodgrove.Citus.Tests.Validation;

/// <summary>Checks whose fix is words, or is run elsewhere.</summary>
internal static class FixesNotRun
{
    public static IReadOnlyDictionary<string, string> Reasons { get; } = new Dictionary<string, string>
    {
        ["ClientTls"] = "asks for a change of pg_hba.conf",
        ["ClockDifference"] = "asks for a time server",
        ["ConnectionHeadroom"] = "asks to close sessions; what it says of a pool that is too large is run",
        ["DiskSpace"] = "asks for a larger disk",
        ["InitdbOptions"] = "asks for options of new servers",
        ["NodeConnectivity"] = "asks to start a server",
        ["NodeTls"] = "needs certificates on the nodes",
        ["NodeVersions"] = "installs packages",
        ["ServerRelease"] = "upgrades PostgreSQL",
        ["TableSkew"] = "names Measure-ShardSkew, whose fix FixTests and SkewTests run",
        ["ShardPlacements"] = "restores a shard from another placement or a backup",
        ["LogicalTransfers"] = "FixTests runs it",
    };
}
