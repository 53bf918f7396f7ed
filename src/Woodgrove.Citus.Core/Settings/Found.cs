using System.Globalization;
using Woodgrove.Citus.Validation;

namespace Woodgrove.Citus.Settings;

/// <summary>A parameter as a node has it for new sessions: the inquiry's own session sets a few for itself.</summary>
internal sealed record Found(string Node, string Name, string Value, string? Unit, string Context, bool PendingRestart)
{
    // pg_settings leaves out what Citus does not want listed.
    public static readonly Question<Found> Question = new(Ask.EveryNode, $"""
        SELECT n AS name, coalesce(s.reset_val, pg_catalog.substring(h.value, '^-?[0-9]+'), h.value) AS value,
            coalesce(s.unit, pg_catalog.substring(h.value, '^[0-9]+([a-z]+)$')) AS unit,
               coalesce(s.context, 'user') AS context, coalesce(s.pending_restart, false) AS pending_restart
        FROM pg_catalog.unnest(ARRAY[{string.Join(", ", SettingAdvice.All.Select(a => $"'{a.Name}'"))}]) n
        LEFT JOIN pg_catalog.pg_settings s ON s.name = n
        CROSS JOIN LATERAL (SELECT CASE WHEN s.name IS NULL
            AND n = 'citus.executor_slow_start_interval' THEN pg_catalog.current_setting(n, true) END AS value) h
        WHERE s.name IS NOT NULL OR h.value IS NOT NULL
        """);

    /// <summary>In bytes or milliseconds where it has such a unit; null where it is no number.</summary>
    public double? Number =>
        double.TryParse(Value, CultureInfo.InvariantCulture, out double number) ? number < 0 ? number : number * Factor : null;

    /// <summary>As one would write it.</summary>
    public string Text => Number switch
    {
        null or < 0 => Value,
        double number when IsMemory => NodeCapacity.Show((long)number),
        _ => Value + Unit,
    };

    private bool IsMemory => Unit is not null && Unit.EndsWith('B');

    private double Factor => Unit switch
    {
        null or "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        _ => (int.TryParse(Unit.TrimEnd('B', 'k', 'M', 'G'), out int count) ? count : 1) * (Unit.Contains('k') ? 1024.0 : Unit.Contains('M')
            ? 1 << 20 : Unit.Contains('G') ? 1 << 30 : 1),
    };
}
