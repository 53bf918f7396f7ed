namespace Woodgrove.Citus.Sandbox;

/// <summary>Which engine a sandbox runs.</summary>
public enum SandboxEngine
{
    /// <summary>Citus where the machine's PostgreSQL has it, else plain PostgreSQL with the stand-in.</summary>
    Auto,
    Citus,

    /// <summary>Plain PostgreSQL with a stand-in for Citus's catalogs and functions.</summary>
    PostgreSql,
}
