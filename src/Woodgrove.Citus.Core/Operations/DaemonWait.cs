using System.Globalization;

namespace Woodgrove.Citus.Operations;

/// <summary>SQL that waits for what Citus's maintenance daemon does a little later by itself.</summary>
internal static class DaemonWait
{
    /// <summary>Waits, and raises <paramref name="raise"/> if it still is not done then.</summary>
    /// <param name="pending">A query that has rows until it is done.</param>
    /// <param name="raise">Level, text and options of RAISE.</param>
    public static string For(string pending, int seconds, string raise) =>
        $"DO $wait$ BEGIN FOR attempt IN 1..{(seconds * 10).ToString(CultureInfo.InvariantCulture)} LOOP "
        + $"IF NOT EXISTS ({pending}) THEN RETURN; END IF; PERFORM pg_catalog.pg_sleep(0.1); END LOOP; RAISE {raise}; END $wait$";
}
