using System.Globalization;
using System.Text.RegularExpressions;
using Woodgrove.Citus.Validation;

namespace Woodgrove.Citus.Settings;

/// <summary>A node's memory and cores, as its operating system tells who may read the server's files.</summary>
internal sealed partial record Capacity(string Node, string? Meminfo, string? Cgroup, string? Cpuinfo)
{
    public static readonly Question<Capacity> Question = new(Ask.EveryNode, """
        SELECT CASE WHEN may THEN pg_catalog.pg_read_file('/proc/meminfo', 0, 100000, true) END AS meminfo,
               CASE WHEN may THEN pg_catalog.pg_read_file('/sys/fs/cgroup/memory.max', 0, 100, true) END AS cgroup,
               CASE WHEN may THEN pg_catalog.pg_read_file('/proc/cpuinfo', 0, 1000000, true) END AS cpuinfo
        FROM (SELECT pg_catalog.pg_has_role('pg_read_server_files', 'USAGE')
            AND pg_catalog.has_function_privilege('pg_catalog.pg_read_file(text, bigint, bigint, boolean)', 'EXECUTE') AS may) r
        """);

    public long? MemoryBytes
    {
        get
        {
            if (Meminfo is null || Total().Match(Meminfo) is not { Success: true } total) return null;
            long bytes = long.Parse(total.Groups[1].Value, CultureInfo.InvariantCulture) * 1024;
            // A container may use less than its machine has.
            return long.TryParse(Cgroup?.Trim(), out long limit) ? Math.Min(bytes, limit) : bytes;
        }
    }

    public int? Cores => Cpuinfo is null ? null : Processor().Count(Cpuinfo) is > 0 and int count ? count : null;

    [GeneratedRegex(@"MemTotal:\s+([0-9]+) kB")]
    private static partial Regex Total();

    [GeneratedRegex(@"^processor\s*:", RegexOptions.Multiline)]
    private static partial Regex Processor();
}
