using System.Reflection;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>Where the build has put things.</summary>
internal static class Metadata
{
    public static string ModuleManifest => Value("ModuleManifest");

    /// <summary>The folder of the pwsh that this project builds.</summary>
    public static string Shell => Value("Shell");

    /// <summary>The folder beside the sources in which results are kept.</summary>
    public static string Results => Value("Results");

    private static string Value(string key) =>
        Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>().Single(m => m.Key == key).Value!;
}
