"""The one way to RetroAchievements: what can be asked, and how it is asked politely."""
